"""Honest denominators, a part of several reports: from every episode down to those that can be judged."""

from prom_service.reports.denominators.extract import Administrations, administrations, cells, response
from prom_service.reports.denominators.layouts import LAYOUTS
from prom_service.reports.denominators.tables import make_tables

__all__ = ["LAYOUTS", "Administrations", "administrations", "cells", "make_tables", "response"]
