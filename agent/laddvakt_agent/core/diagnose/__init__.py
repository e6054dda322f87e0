"""Many symptoms, one root cause: changes what is shown, never what is done."""
