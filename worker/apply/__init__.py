"""Applying events: load, fold, save, settle, a batch at a time. A bad event never fails or delays its neighbours."""
