"""Questionnaires on paper: what a sheet says, and drawing it as a PDF."""
