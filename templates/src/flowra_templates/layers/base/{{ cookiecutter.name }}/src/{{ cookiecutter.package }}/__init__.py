"""{{ cookiecutter.description.rstrip('.') }}."""
