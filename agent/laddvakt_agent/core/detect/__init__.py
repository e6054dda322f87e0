"""The predicates: what each fault looks like in fresh readings."""
