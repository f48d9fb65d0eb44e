"""The component types, one module a family; import them from `flowra.type.component_type`."""
