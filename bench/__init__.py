"""`make bench`: what Daybook takes, applies and costs on this machine, as ratios measured in one run."""
