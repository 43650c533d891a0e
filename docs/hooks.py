"""What is made while the documentation is built: the page that reads in the browser, as one file."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from inkdigits.service.page import offline


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page to the site."""
    files.append(File.generated(config, "demo.html", content=offline()))
    return files
