"""The screens: pages rendered here, kept live by server-sent events, with no script but our own and no build step.

Reads go straight to `store`; what a person asks for goes through the API like anyone else's wish. Every read is scoped
to the account of the signed-in token.
"""
