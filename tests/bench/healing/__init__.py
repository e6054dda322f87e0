"""What a recovery policy is worth: the same troubled years under Laddvakt's and two others."""
