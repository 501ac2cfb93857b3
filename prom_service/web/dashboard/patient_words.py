"""How the pages about patients name things."""

LANGUAGES = {"en": "English", "es": "Spanish"}
CONTACT = {
    "reachable": "Can be emailed",
    "paused": "Paused",
    "opted_out": "Opted out of emails",
    "unreachable": "Unreachable by email",
    "withdrawn": "Withdrew",
    "deceased": "Died",
}
ANSWERS = {
    "nothing_asked": "Nothing asked yet",
    "answered": "Answered",
    "in_part": "Answered in part",
    "waiting": "Asked, no answer yet",
    "overdue": "Overdue",
    "missed": "Missed, no longer asked",
}
ANSWERED_BY_WORDS = {
    "self": "By the patient alone",
    "helped": "The patient was helped",
    "proxy": "Somebody answered for the patient",
    "unknown": "Not recorded",
}
SEX_WORDS = {"unknown": "Not recorded", "female": "Female", "male": "Male", "other": "Other"}
SIDE_WORDS = {"left": "Left", "right": "Right", "both": "Both", "none": "No side"}
