"""The command `flowra`: one module a command, loaded when it is called."""
