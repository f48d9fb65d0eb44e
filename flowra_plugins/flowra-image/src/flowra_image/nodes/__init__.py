"""The node classes, a module a group. Each is thin: the work is done by the functions of the modules beside."""
