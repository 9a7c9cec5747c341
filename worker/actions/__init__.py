"""What a person may ask for, one file a noun: lock, ask the rules of `handlers`, save."""
