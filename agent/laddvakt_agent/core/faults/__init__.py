"""The fault catalogue as data: rows, what one is made of, what may be changed."""
