"""Data this node ships with: the market's vocabulary and a gazetteer of places.

Enters: nothing from outside; the files are part of the installation. Leaves: loaded, cached
objects. Nothing here is fetched from anywhere: asking a service where a town is would tell it
where somebody wants something.
"""
