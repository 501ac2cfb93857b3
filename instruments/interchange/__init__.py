"""Instruments and answers in the shapes of others: FHIR R4 Questionnaires, and REDCap's dictionary and rows.

Everything here is pure: definitions and answers in, plain values out, and back.
"""
