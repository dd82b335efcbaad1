"""Pages of HTML that need no network, and the pictures on them."""

from hogwild.pages.machine import machine, versions
from hogwild.pages.page import Page, write_page
from hogwild.pages.panels import Bar, Line, Look, Panel
from hogwild.pages.pictures import plot
from hogwild.pages.tables import NONE, Column, Table, frame

__all__ = [
    "Bar",
    "Column",
    "Line",
    "Look",
    "NONE",
    "Page",
    "Panel",
    "Table",
    "frame",
    "machine",
    "plot",
    "versions",
    "write_page",
]
