"""What the service keeps, as FHIR R4 resources: rows in, plain values out, and one way back for answers."""
