"""The screens of those who keep Daybook running: what arrives, what waits, what failed, and who works on it."""
