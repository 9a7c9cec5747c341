"""What keeps the rest true: one `tick` a file, run by every worker; an advisory lock lets one at a time do it."""
