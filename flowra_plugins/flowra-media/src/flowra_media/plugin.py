"""What this pack contributes. Nothing is imported here but Flowra's plugin interface: code is loaded when used."""
