"""Provider adapters: bytes in, facts out. One file a provider, the same five functions in the same order:
`verify`, `identify`, `fetches`, `facts`, `sign` (see `schemas.provider.Adapter`).

A package of a third party adds one by an entry point of the group `daybook.providers`.
"""
