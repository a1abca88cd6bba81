"""Blocks and the skeleton ``residual`` of current lightweight restoration networks.

The families are SMFANet, LKFMixer, LKMN, SPAN, RLFN, SAFMN, SeemoRe, BSRN, MAN, PLKSR, ECBSR and ShuffleMixer; every
block is written from its description and held to its release by stored tensors (tests/golden/modern). Read first:
``catalogue.py`` for what there is, ``network.py`` for what becomes of it. This file, the catalogue and the settings
import no torch.
"""
