from __future__ import annotations
def attacks():
    return iter(())
