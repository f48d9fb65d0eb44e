"""The value types, one module a family; import them from `flowra.type.value_type`."""
