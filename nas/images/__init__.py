"""Images as arrays: reading, writing and resizing them exactly as MATLAB does.

Read first: ``nas/images/files.py``. Nothing in here imports torch.
"""

from nas.images.files import ImageInfo, image_info, read_image, to_luma, to_uint8, write_image
from nas.images.resize import imresize, modcrop

__all__ = [
    "ImageInfo",
    "image_info",
    "imresize",
    "modcrop",
    "read_image",
    "to_luma",
    "to_uint8",
    "write_image",
]
