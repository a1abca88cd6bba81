"""Search strategies: one file each, behind one small base. What drives them is ``nas.engines.search``."""
