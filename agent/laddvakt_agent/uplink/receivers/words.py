"""What people are told about an order, as OCPI DisplayTexts in English, Swedish and German."""

from __future__ import annotations

from collections.abc import Mapping

_LANGUAGES = ("en", "sv", "de")

WORDS: Mapping[str, tuple[str, str, str]] = {
    "unreadable": (
        "The request is not complete or not valid.",
        "Begäran är inte komplett eller inte giltig.",
        "Die Anfrage ist unvollständig oder ungültig.",
    ),
    "location": (
        "This location is not ours.",
        "Den här platsen är inte vår.",
        "Dieser Standort gehört nicht zu uns.",
    ),
    "place": (
        "This charger has no such charging point.",
        "Laddaren har ingen sådan laddpunkt.",
        "Diese Ladestation hat keinen solchen Ladepunkt.",
    ),
    "connector": (
        "Say which connector is meant.",
        "Ange vilket uttag som avses.",
        "Bitte den Anschluss angeben.",
    ),
    "session": (
        "This session is not known here.",
        "Laddningen är inte känd här.",
        "Dieser Ladevorgang ist hier nicht bekannt.",
    ),
    "ended": (
        "This session has ended already.",
        "Laddningen är redan avslutad.",
        "Dieser Ladevorgang ist bereits beendet.",
    ),
    "waiting": (
        "This session has not begun. Cancel the reservation instead.",
        "Laddningen har inte börjat. Avboka reservationen i stället.",
        "Dieser Ladevorgang hat nicht begonnen. Bitte stattdessen die Reservierung stornieren.",
    ),
    "foreign": (
        "This belongs to another provider's customer.",
        "Det här tillhör en annan leverantörs kund.",
        "Das gehört zu einem Kunden eines anderen Anbieters.",
    ),
    "address": (
        "The response_url must be at the same address as the platform's own endpoints.",
        "response_url måste ha samma adress som plattformens egna slutpunkter.",
        "Die response_url muss dieselbe Adresse haben wie die Endpunkte der Plattform.",
    ),
    "unsupported": (
        "This charger cannot do that.",
        "Laddaren kan inte göra det.",
        "Diese Ladestation kann das nicht.",
    ),
    "no_lock": (
        "The cable is fixed here: there is no lock to open.",
        "Kabeln är fast här: det finns inget lås att öppna.",
        "Das Kabel ist hier fest: Es gibt keine Verriegelung.",
    ),
    "busy": (
        "Too many requests at once. Please try again in a minute.",
        "För många förfrågningar samtidigt. Försök igen om en minut.",
        "Zu viele Anfragen auf einmal. Bitte in einer Minute noch einmal versuchen.",
    ),
    "past": (
        "The reservation would have expired already.",
        "Reservationen skulle redan ha gått ut.",
        "Die Reservierung wäre bereits abgelaufen.",
    ),
    "occupied": (
        "The charging point is in use.",
        "Laddpunkten används redan.",
        "Der Ladepunkt ist belegt.",
    ),
    "reserved": (
        "The charging point is reserved for somebody else.",
        "Laddpunkten är reserverad för någon annan.",
        "Der Ladepunkt ist für jemand anderen reserviert.",
    ),
    "inoperative": (
        "The charging point is out of order at the moment.",
        "Laddpunkten är ur funktion just nu.",
        "Der Ladepunkt ist derzeit außer Betrieb.",
    ),
    "no_vehicle": (
        "No vehicle was plugged in. Plug it in, then start again.",
        "Inget fordon anslöts. Anslut det och starta igen.",
        "Es wurde kein Fahrzeug angeschlossen. Bitte anschließen und noch einmal starten.",
    ),
    "not_begun": (
        "The session did not begin in time. Please try again.",
        "Laddningen började inte i tid. Försök igen.",
        "Der Ladevorgang hat nicht rechtzeitig begonnen. Bitte noch einmal versuchen.",
    ),
    "withdrawn": (
        "The start was cancelled at the charger.",
        "Starten avbröts vid laddaren.",
        "Der Start wurde an der Ladestation abgebrochen.",
    ),
    "not_stopped": (
        "The charger has not confirmed the stop yet. If it goes on, call the operator.",
        "Laddaren har inte bekräftat stoppet än. Ring operatören om det fortsätter.",
        "Die Ladestation hat den Stopp noch nicht bestätigt. Bleibt es so, den Betreiber anrufen.",
    ),
    "lock_holds": (
        "The lock did not let go. Push the plug in, then try again.",
        "Låset släppte inte. Tryck in kontakten och försök igen.",
        "Die Verriegelung hält noch. Stecker hineindrücken, dann noch einmal versuchen.",
    ),
    "reservation": (
        "This reservation is not known here, or it is over.",
        "Reservationen är inte känd här, eller så är den över.",
        "Diese Reservierung ist hier nicht bekannt oder schon vorbei.",
    ),
    "not_kept": (
        "The reservation could not be stored. Please try again later.",
        "Reservationen kunde inte sparas. Försök igen senare.",
        "Die Reservierung konnte nicht gespeichert werden. Bitte später noch einmal versuchen.",
    ),
    "defect": (
        "The charging point has become unusable: the reservation is cancelled.",
        "Laddpunkten kan inte användas längre: reservationen är avbokad.",
        "Der Ladepunkt ist nicht mehr nutzbar: Die Reservierung ist storniert.",
    ),
    "failed": (
        "The charger could not do it. Please try again, or call the operator.",
        "Laddaren kunde inte göra det. Försök igen eller ring operatören.",
        "Die Ladestation konnte es nicht ausführen. Bitte noch einmal versuchen oder den Betreiber "
        "anrufen.",
    ),
    "late": (
        "The charger did not answer in time.",
        "Laddaren svarade inte i tid.",
        "Die Ladestation hat nicht rechtzeitig geantwortet.",
    ),
}


def display(key: str) -> list[dict[str, str]]:
    """The DisplayTexts of a message; none for an empty key."""
    if not key:
        return []
    return [
        {"language": language, "text": text}
        for language, text in zip(_LANGUAGES, WORDS[key], strict=True)
    ]


def plain(key: str) -> str:
    """The English words, for a status_message or a log."""
    return WORDS[key][0] if key else ""
