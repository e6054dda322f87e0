"""The words of every verdict, as data: what it means, and what to do, first things first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_hal.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Text:
    """What a verdict says; `remedies` are steps in the order to try them."""

    says: str
    remedies: tuple[str, ...] = ()


ENGLISH: Mapping[str, Text] = {
    "all_good": Text("The line is well."),
    "too_little": Text(
        "Too little was asked to judge the line.", ("let it run for a minute, then look again",)
    ),
    "port_missing": Text(
        "The port is not there.",
        ("plug the adapter in", "look for it: ls /dev/serial/by-id", "correct the path"),
    ),
    "port_in_use": Text(
        "Another program has the port.",
        ("if it is the agent, ask that: --line NAME", "else stop the program that has it"),
    ),
    "port_no_permission": Text(
        "This user may not open the port.",
        ("sudo usermod -aG dialout USER, then log in again", "or use sudo"),
    ),
    "port_not_serial": Text("That is no serial port.", ("correct the path",)),
    "port_settings": Text(
        "The adapter cannot do this speed or format.", ("take another speed, or another adapter",)
    ),
    "port_lost": Text("The adapter has gone.", ("plug it in again; check its cable and supply",)),
    "port_down": Text(
        "The agent cannot use the line.",
        ("do what its reason above says; it tries again by itself",),
    ),
    "port_babble": Text(
        "The line never falls silent.",
        (
            "disconnect the devices one by one until it does: the last one babbles",
            "check the speed",
            "check that A and B are biased (a line without bias picks up noise)",
        ),
    ),
    "port_refused": Text(
        "Nobody listens at that address and port.",
        ("check the port (502 is usual)", "switch Modbus TCP on in the device or gateway"),
    ),
    "port_unreachable": Text(
        "The gateway does not answer.", ("check cable and power", "check the address: ping it")
    ),
    "port_closes": Text(
        "The gateway hangs up at once.",
        (
            "end other Modbus masters: many gateways take one connection only",
            "check that the port is a Modbus port",
            "try --framing rtu: some gateways pass RTU frames through",
        ),
    ),
    "nothing_answers": Text(
        "Nobody answers at any speed.",
        (
            "swap A and B: makers disagree about the names",
            "check that the devices have their supply",
            "check that this is the port with the line on it",
            "measure between A and B: 0.2 V or more in silence, else bias is missing",
        ),
    ),
    "nothing_answers_here": Text(
        "Nobody answers at this speed.",
        ("try the others: laddvakt bus scan", "swap A and B", "check the devices' supply"),
    ),
    "nobody_behind_gateway": Text(
        "The gateway is there, the unit is not.",
        (
            "check the unit id; a device without a line behind it takes 1 or 255",
            "check speed and format in the gateway",
            "check A and B behind the gateway",
            "try --framing rtu: some gateways pass RTU frames through",
        ),
    ),
    "other_settings": Text(
        "{device} is at {setup}, the line at {now}.",
        ("set the line to {setup} in the configuration, or the device to the line's speed",),
    ),
    "only_echo": Text(
        "The adapter hears itself and nobody else.",
        (
            "switch the adapter's local echo off (its RE pin or jumper)",
            "then look for the devices: A and B, supply, speed",
        ),
    ),
    "only_garbage": Text(
        "Characters come, but never a whole reply.",
        (
            "the speed or format is wrong: laddvakt bus scan",
            "swap A and B",
            "two devices may share the address: disconnect all but one",
        ),
    ),
    "crc_everywhere": Text(
        "Replies of several devices arrive damaged.",
        (
            "120 Ω between A and B at both ends of the line, nowhere else",
            "bias at one end",
            "keep the cable away from motor and contactor wires, its shield earthed at one end",
            "shorten stubs; try half the speed",
        ),
    ),
    "crc_with_contactor": Text(
        "Replies are damaged when the contactor switches.",
        (
            "suppressor (RC or varistor) across the contactor's coil",
            "lay the bus cable away from the contactor's wires; use the shielded one",
        ),
    ),
    "two_on_one_address": Text(
        "One device's replies are damaged, the others' are not.",
        (
            "most likely two devices share the address: disconnect one and look again",
            "else its own stub or terminals: tighten, shorten",
        ),
    ),
    "one_silent": Text(
        "One device is silent, the others answer.",
        (
            "check its supply",
            "check its address: laddvakt bus scan",
            "check its terminals: A and B swapped at this device alone?",
        ),
    ),
    "sometimes_silent": Text(
        "The device misses requests.",
        (
            "check its terminals and its supply",
            "ask it less often, or with a pause: some need 100 ms between requests",
        ),
    ),
    "late_replies": Text(
        "Replies come after their time.",
        (
            "give the device longer: timeout_ms and worst_latency_ms in its profile",
            "a gateway or a radio bridge adds its own delay: raise its limits too",
        ),
    ),
    "short_replies": Text(
        "Replies end early.",
        (
            "set the adapter's latency timer to 1 ms, or take another adapter",
            "check that adapter and device agree on parity",
            "read fewer registers at once: the device may not send so many",
        ),
    ),
    "wrong_unit": Text(
        "Somebody else answers.",
        (
            "another master may be on the line: there may be one only",
            "a slow device answers into the next question: give it longer",
        ),
    ),
    "gateway_no_path": Text(
        "The gateway has no line for this unit (exception 10).",
        ("enter the unit in the gateway's table", "check the gateway's serial settings"),
    ),
    "gateway_target_silent": Text(
        "The gateway's device does not answer it (exception 11).",
        (
            "check the device behind the gateway: supply, A and B, unit id",
            "check the gateway's speed and format",
        ),
    ),
    "refuses": Text(
        "The device refuses questions.",
        (
            "the profile may not be the device's: laddvakt bus identify",
            "its firmware may lack these registers",
        ),
    ),
    "echo": Text(
        "The adapter hears itself: writes cannot be confirmed.",
        ("switch the adapter's local echo off (its RE pin or jumper)",),
    ),
    "echo_heard": Text(
        "The adapter hears itself; reads work all the same.",
        ("switch its local echo off: it makes the line slower and writes unsure",),
    ),
    "repeated": Text(
        "Replies come twice.",
        (
            "a repeater or converter on the line sends them again: take it out and look again",
            "another master may be on the line: there may be one only",
        ),
    ),
    "latency_timer": Text(
        "The adapter delivers characters late.",
        (
            "write 1 to latency_timer of the port in /sys/class/tty (a udev rule keeps it)",
            "or take an adapter with another chip",
        ),
    ),
}


def text_of(verdict: Verdict, texts: Mapping[str, Text] = ENGLISH) -> Text:
    """The words for a verdict, its gaps filled.

    Raises:
        KeyError: these texts have none for its code.
    """
    text = texts[verdict.code]
    return Text(
        text.says.format_map(verdict.values),
        tuple(remedy.format_map(verdict.values) for remedy in text.remedies),
    )
