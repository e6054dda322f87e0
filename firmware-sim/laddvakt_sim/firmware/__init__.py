"""Register images of boards and meters, transcribed from the vendors' documents."""
