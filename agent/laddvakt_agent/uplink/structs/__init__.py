"""OCPI objects as typed structs, per version, with every constraint of the specification."""
