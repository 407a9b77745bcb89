#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the results of babus-bench say: a table, a page, goals, figures in words, plots.

babus-bench measures and writes JSON; this script reads it. The machine changes its
speed from one repeat to the next, and with it all times. What is compared runs in turn,
so the ratios within one repeat are what counts.
"""

import argparse
import collections
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys

IMAGE = 1920 * 1080 * 3
SMALL_IMAGE = 1080
STEADY_MAX = 1.25  # the highest ratio of the repeats by the lowest
AS_FAST = 1.05  # factors below this one are no difference
FLOORS = ("floor", "floor-2", "ring")
OURS = ("babus", "babus-depth-8")
RIVALS = ("iceoryx", "pipe", "unix", "mq", "zeromq", "nng", "cyclonedds", "cyclonedds-shm",
          "redis-unix", "redis-tcp")
RESTS = (None, "no rest")  # variants of the work rate: with a rest of 10 us, and without
MADE = "<!-- made by babus-bench: do not edit -->\n"

Summary = collections.namedtuple("Summary", "median low high")


def fail(text):
    sys.exit(f"babus-bench: {text}")


# --- results ---------------------------------------------------------------------------


def load(path):
    """A run. Exits, with the reason, if the file is not one of babus-bench."""
    try:
        with sys.stdin if path == "-" else open(path, encoding="utf-8") as file:
            run = json.load(file)
        if run["cases"]:
            return run
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        fail(f"{path}: not JSON of babus-bench")
    fail(f"{path}: no results")


def find(run, **wanted):
    """The first case that was done and has these values; None: there is none."""
    for case in run["cases"]:
        if case["metrics"] and all(case.get(key) == value for key, value in wanted.items()):
            return case
    return None


def repeats(case, metric):
    return case["metrics"].get(metric, {}).get("repeats", []) if case else []


def summary(values):
    """Median and range. Of four values or more, the range omits the farthest one."""
    values = sorted(value for value in values if value is not None)
    if not values:
        return None
    middle = statistics.median(values)
    if len(values) > 3:
        values = values[:-1] if values[-1] * values[0] > middle * middle else values[1:]
    return Summary(middle, values[0], values[-1])


def is_steady(of):
    return of.high <= of.low * STEADY_MAX


def median(case, metric):
    of = summary(repeats(case, metric))
    return of.median if of else None


def ratios(case, other, metric):
    """Of the ratios within a repeat; None: one of the two was not measured."""
    pairs = zip(repeats(case, metric), repeats(other, metric))
    return summary([a / b for a, b in pairs if a is not None and b])


# --- text ------------------------------------------------------------------------------


def duration(ns, digits=3):
    """For people: 3 digits and a unit."""
    if ns is None:
        return "-"
    for unit in ("ns", "us", "ms"):
        if ns < 999.5:
            break
        ns /= 1000
    else:
        unit = "s"
    whole = 1 if ns < 9.995 else 2 if ns < 99.95 else 3
    return f"{ns:.{max(0, digits - whole)}f} {unit}"


def amount(metric, value):
    if value is None:
        return "-"
    if metric == "rate":
        return f"{value / 1e6:.3g} M/s"
    return f"{value:.0f}" if metric in ("lost", "sent") else duration(value)


def factor(value):
    """Two digits."""
    return f"{value:.1f}" if value < 9.95 else str(int(float(f"{value:.2g}")))


def words(ratio, higher=False):
    """A ratio of two times, or with `higher` of two rates, as a reader says it."""
    slower = 1 / ratio if higher else ratio
    if 1 / AS_FAST < slower < AS_FAST:
        return "as fast"
    return f"{factor(slower)} times slower" if slower > 1 else f"{factor(1 / slower)} times faster"


def as_or_than(text, other):
    return f"{text} {'as' if text == 'as fast' else 'than'} {other}"


def marked(of, higher=False):
    return ("" if is_steady(of) else "~") + f"**{words(of.median, higher)}**"


def size_text(size):
    if size >= 1024 and size & (size - 1) == 0:
        return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
    return f"{size:,} B"


# --- the table of a run that has just ended -----------------------------------------------


def group_of(case):
    """Cases that run in turn."""
    readers = case["readers"] if "group" in case else None
    return [case.get(key) for key in
            ("work", "size", "touch", "place", "threads", "variant")] + [readers]


def title_of(case, run):
    text = f"{case['work']}: {run['works'][case['work']]}"
    text += f", {size_text(case['size'])}" if case["size"] else ""
    if case["touch"] != case["size"]:
        text += f" of which {case['touch']} B are touched"
    if "group" in case and case["readers"] != 1:
        text += f", {case['readers']} readers"
    text += f", {case['variant']}" if "variant" in case else ""
    if "row" in case:
        text += ", threads" if case["threads"] else ", processes"
    return text + (", a processor each" if case["place"] == "apart" else "")


def table_line(case, metrics):
    line = f"{case['row']:26} {case['name']:14}" if "row" in case else f"{case['name']:22}"
    line += f" {case.get('mode', ''):6}"
    if "not_done" in case:
        return f"{line} not done: {case['not_done']}"
    for metric in metrics:
        line += f" {amount(metric, median(case, metric)):>9}"
    if case.get("ratio"):
        line += f"  {'' if case['steady'] else '~'}"
        line += as_or_than(words(case["ratio"], case["key"] == "rate"), case["floor"])
    return line


def print_group(cases, run, out):
    metrics = [name for name in run["metrics"] if any(name in case["metrics"] for case in cases)]
    out.write(f"\n{title_of(cases[0], run)}\n{'':{48 if 'row' in cases[0] else 29}}")
    out.write("".join(f" {name:>9}" for name in metrics) + "  compared\n")
    rows = list(dict.fromkeys(case.get("row") for case in cases))
    for case in sorted(cases, key=lambda case: rows.index(case.get("row"))):
        out.write(table_line(case, metrics).rstrip() + "\n")


def table(run, out):
    machine = run["machine"]
    out.write(f"babus {run['version']}; {machine['system']}; {machine['processors']} x "
              f"{machine['processor']}; load {machine['load']:.2f}\n")
    cases = run["cases"]
    start = 0
    for end in range(1, len(cases) + 1):
        if end == len(cases) or group_of(cases[end]) != group_of(cases[start]):
            print_group(cases[start:end], run, out)
            start = end
    out.write(
        f"\nMedians of {run['repeats']} repeats, in turn. Times differ from machine to machine and "
        "from\nminute to minute. Compare the ratios: each is the median of those within a repeat;\n"
        "~ marks a ratio that differed too much from repeat to repeat.\n")


# --- the page ----------------------------------------------------------------------------


def cell(case, floor, metric):
    """What it is compared with, and the value."""
    value = median(case, metric)
    if value is None:
        return "-"
    if metric == "lost":
        return f"{value:.0f} of {median(case, 'sent'):.0f}"
    compared = None if case is floor else ratios(case, floor, metric)
    if not compared or not compared.median:
        return amount(metric, value)
    return f"{marked(compared, metric == 'rate')} ({amount(metric, value)})"


def head(*titles, left=1):
    return f"| {' | '.join(titles)} |\n|{'---|' * left}{'---:|' * (len(titles) - left)}\n"


def peer_table(run, columns):
    """A row for each peer with a result. A column: title, metric, floor's name, its and all's
    values, and the floor's own mode if it differs. Columns without a result are left out."""
    columns = [column for column in columns if find(run, **column[3])]
    text = head("", *(column[0] for column in columns))
    for name in FLOORS + OURS + RIVALS:
        found = [find(run, name=name, **column[3]) for column in columns]
        if not any(found):
            continue
        text += f"| {name}"
        for case, (_, metric, floor, wanted, *mode) in zip(found, columns):
            wanted = dict(wanted, **({"mode": mode[0]} if mode else {}))
            text += f" | {cell(case, find(run, name=floor, **wanted), metric)}"
        text += " |\n"
    return text + "\n"


def reasons(run, **wanted):
    """Why cases have no result, each reason once."""
    why = {}
    for case in run["cases"]:
        if "not_done" in case and all(case.get(key) == value for key, value in wanted.items()):
            why.setdefault(case["not_done"], {})[case["name"]] = True
    if not why:
        return ""
    return "Not measured:\n\n" + "".join(
        f"* {', '.join(names)}: {reason}.\n" for reason, names in why.items()) + "\n"


def trips(run):
    def column(title, mode, size, touch, floor="floor", *floor_mode):
        return (title, "typical", floor, {"work": "trip", "mode": mode, "place": "apart",
                                          "size": size, "touch": touch}, *floor_mode)

    return """## Round trip

Two processes, each on a processor of its own. One writes a message, the other reads it, writes
an answer, and the first reads that. `floor` is one buffer and one word in shared memory: a
futex to sleep on, or a word to spin on. A bus that keeps a message cannot use its buffer again
at once, so large messages are compared with `floor-2`, which has two buffers and uses them in
turn. Slots of `babus` keep one message here, which costs least; `babus-depth-8` has the default
depth of 8.

""" + peer_table(run, [
        column("64 B, sleeping", "block", 64, 64),
        column("64 B, spin, then sleep", "adapt", 64, 64, "floor", "block"),
        column("64 B, polling", "poll", 64, 64),
        column("64 KiB, sleeping", "block", 65536, 65536, "floor-2"),
        column("6,220,800 B, sleeping", "block", IMAGE, IMAGE, "floor-2"),
        column("64 B of that touched", "block", IMAGE, 64)]) + reasons(run, work="trip")


def rates(run):
    ways = (("polling, with a rest", "poll", None), ("polling, no rest", "poll", "no rest"),
            ("sleeping", "block", None))
    columns = [(prefix + title, metric, "ring", {"work": "rate", "mode": mode, "variant": variant},
                "poll") for prefix, metric in (("", "rate"), ("lost, ", "lost"))
               for title, mode, variant in ways]
    return """## One way

The highest paced rate of 64 B messages that a reader follows in order without loss, with 1,024
messages under way; then how many are lost of those that leave as fast as they can. A polling
reader that finds nothing looks again after a rest of 10 us, or at once ("no rest"). `ring` is
the floor: one publisher, one reader, and the publisher waits for room.

""" + peer_table(run, columns)


def fanout(run):
    columns = [(title, "typical", "floor", {"work": "fanout", "size": 64, "readers": readers})
               for title, readers in (("1 reader", 1), ("8", 8), ("64", 64), ("200", 200))]
    columns += [("1, once a second", "typical", "floor", {"work": "idle"})]
    return """## Fan-out

One message of 64 B to sleeping readers, until the last of them has read it.

""" + peer_table(run, columns)


def publishing(run):
    of = {"work": "crowd", "variant": "each peer"}
    columns = [(title, "typical", "floor", dict(of, readers=readers))
               for title, readers in (("no reader", 0), ("1", 1), ("10", 10), ("200", 200))]
    columns += [(f"processor time, {readers}", "cpu", "floor", dict(of, readers=readers))
                for readers in (1, 10)]
    return """## Publishing to attached readers

What a call that publishes 64 B costs its thread while readers are attached and busy with
something else: they read after 8 messages. Libraries with threads of their own and Redis do
work behind the call: the last columns have the processor time of the publishing process and its
daemon for a message, with a share of a pause, as `floor` shows. `floor` writes the bytes and a
word, and wakes no reader.

""" + peer_table(run, columns) + reasons(run, **of)


COMPARED = {"alone": "without a reader", "readers-16": "with 16", "populate": "the kernel alone"}


def share(case):
    if not case.get("ratio"):
        return ""
    text = as_or_than(words(case["ratio"]), COMPARED.get(case["floor"], case["floor"]))
    return f"{'' if case['steady'] else '~'}**{text}**"


def calls(run):
    text = """## Calls of babus

One thread in a loop, and a publisher among processes that have nothing to do.

""" + head("", "bytes", "time", "compared")
    for case in run["cases"]:
        alone = case["work"] in ("call", "waiter") or case["work"] == "crowd" and not case.get(
            "variant")
        if alone and case["metrics"]:
            readers = f", {case['readers']:,} readers" if case["work"] == "waiter" else ""
            text += (f"| {case['what']}{readers} | {case['size']:,} | "
                     f"{duration(median(case, 'typical'))} | {share(case)} |\n")
    return text + "\n"


def files(run):
    text = """## Files

`fuse` is a file system of babusfs's shape that answers from memory and does nothing else.

""" + head("", "", "bytes", "time", "compared", left=2)
    for case in run["cases"]:
        if case["work"] == "file" and case["metrics"]:
            text += (f"| {case['variant']} | {case['name']}: {case['what']} | {case['size']:,} | "
                     f"{duration(median(case, 'typical'))} | {share(case)} |\n")
    return text + "\n" + reasons(run, work="file")


IMAGE_ROWS = ("{imu}", "{image}", "{image, med1}", "{image, med1..5}", "{all}", "{all}, slow",
              "{all}, slow: since asked", "write imu", "write image", "write med1")


def image(run, size, variant):
    of = {"work": "image", "size": size, "threads": False, "variant": variant}
    if not find(run, name="babus", **of):
        return ""
    text = f"An image of {size:,} B, {variant}:\n\n" + head(
        "", "babus, mean", "p99", "Redis, mean", "p99", "by TCP, mean", "babus delivered")
    for row in IMAGE_ROWS:
        babus, redis, tcp = (find(run, name=name, row=row, **of)
                             for name in ("babus", "redis-unix", "redis-tcp"))
        sent, lost = median(babus, "sent") or 0, median(babus, "lost") or 0
        text += (f"| {row} | {cell(babus, redis, 'mean')} | {cell(babus, redis, 'p99')} | "
                 f"{cell(redis, None, 'mean')} | {cell(redis, None, 'p99')} | "
                 f"{cell(tcp, None, 'mean')} | {sent - lost:.0f} of {sent:.0f} |\n")
    return text + "\n"


def images(run):
    return """## A camera and sensors

imu 128 B at 1,000 Hz, an image at 30 Hz, med1 to med5 356 B at 40 to 44 Hz. Six consumers
sleep until there is something to read; two of them take everything, and one of these works 10 ms
on each message. Latency is from just before the commit, or XADD, until the consumer has the
message; "write" is the producer's own time. babus is compared with Redis on its Unix socket.
The consumers are processes; `babus-bench --work image` also measures threads.

""" + image(run, IMAGE, "view") + image(run, IMAGE, "view and copy") + image(
        run, SMALL_IMAGE, "view")


METHOD = """## How it is measured

* Each peer does the same work: every byte of a message is written by the publisher, and read and
  checked by the reader. A peer that lends its own memory is used that way; others copy.
* What is compared runs in turn, {repeats} times over. A ratio is the median of the ratios within
  a repeat; ~ marks a ratio whose repeats differ by more than a quarter (of four or more, without
  the farthest). "As fast" is a difference below 5%. Times are of this machine on that day.
* Floors do the least that any program must do to get the same bytes across, without a queue,
  checks or recovery. No bus can be faster than its floor, apart from noise.
* Pipes have 1 MiB, Unix sockets a send buffer of 1 MiB, and both one write and one read a message.
  POSIX queues are as deep as the work asks where privileges allow it.
* Redis runs without persistence, on a Unix socket and on loopback TCP; XADD with MAXLEN and
  XREAD with BLOCK. A publisher reads answers when it has time, except where a work asks when a
  message is stored.
* ZeroMQ and nng use ipc: PAIR for one reader, else publish and subscribe, with the default or a
  higher queue limit. iceoryx and Cyclone DDS lend samples where they can; publishers of iceoryx
  wait for slow readers. Cyclone DDS is reliable and batches.
* babus reserves the memory of its slots before it is timed. What the first message of a slot
  costs without that is in the section on calls.
* A dash: the peer does not do it, or is not run with so many readers. Cyclone DDS is run with at
  most 8 and iceoryx with at most 64.
* babus serves one machine and keeps messages in its memory. Most of these peers do more: they
  reach other machines, store to disk, or run on other systems.
"""


def page(run):
    machine = run["machine"]
    text = MADE + f"""
# What babus costs

One command makes this page: `build/tools/bench/babus-bench{run['arguments']} --report
tools/bench/RESULTS.md`. babus runs beside floors, the least that any way of doing the same
costs, and beside other ways to pass messages. Each figure is compared with a floor or a peer of
the same run: "4.2 times slower (46.3 us)" takes 4.2 times as long as the floor.

babus {run['version']} on {machine['system']}, {machine['processors']} processors
({machine['processor']}). Load before {machine['load']:.2f}; {machine['steal'] * 100:.1f}% of the
time stolen by the host, {machine['others'] * 100:.1f}% used by others.

"""
    if run["noisy"]:
        text += f"**The machine was too noisy for conclusions: {'; '.join(run['noisy'])}.**\n\n"
    parts = (("image", images), ("trip", trips), ("rate", rates), ("fanout", fanout),
             ("crowd", publishing), ("call", calls), ("file", files))
    for work, part in parts:
        if find(run, work=work):
            text += part(run)
    return text + METHOD.format(repeats=run["repeats"])


def report(run, path):
    """Write the page. A file that it did not make stays as it is."""
    text = page(run)
    if not path:
        sys.stdout.write(text)
        return
    try:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                if file.readline() != MADE:
                    fail(f"{path}: not made by babus-bench, so it is not overwritten")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        fail(f"{path}: {error.strerror}")


# --- claims: babus in each of its settings, beside the best peer ---------------------------


def to_best(run, wanted, modes):
    """The ratio to the best peer in any of the modes, for the worst of babus's settings."""
    found = [ratios(find(run, name=name, **wanted),
                    find(run, name=rival, **dict(wanted, mode=mode)), "typical")
             for name in OURS for rival in RIVALS for mode in modes]
    return max((of for of in found if of), key=lambda of: of.median, default=None)


def rate_to_best(run):
    """Ratio, babus's case and the best peer's. With a rest or without, whichever of babus is
    slower; each peer is at its best in any mode."""
    found = []
    for variant in RESTS:
        ours = find(run, work="rate", name="babus", mode="poll", variant=variant)
        for rival in run["cases"]:
            if rival["work"] == "rate" and rival["name"] in RIVALS:
                of = ratios(ours, rival, "rate")
                found += [(of, ours, rival)] if of else []
    return min(found, key=lambda of: of[0].median, default=None)


# --- figures in words ----------------------------------------------------------------------


def say(found, text, detail, work, higher=False):
    """A row of the table in README. `text` has {} for "4.2 times faster than"."""
    if found and found.median:
        phrase = as_or_than(words(found.median, higher), "").strip()
        print(f"| {text.format(phrase)}: {detail} | `babus-bench --work {work}` |"
              + ("" if is_steady(found) else " ~"))


def say_image(run):
    of = {"work": "image", "size": IMAGE, "threads": False, "variant": "view", "row": "{image}"}
    babus, redis = find(run, name="babus", **of), find(run, name="redis-unix", **of)
    say(ratios(babus, redis, "mean"), "{} Redis from publisher to reader for a 1080p frame",
        f"{duration(median(babus, 'mean'))} instead of {duration(median(redis, 'mean'))}", "image")


def say_trip(run):
    of = {"work": "trip", "mode": "block", "place": "apart", "size": 64, "touch": 64}
    slowest = max((find(run, name=name, **of) for name in OURS),
                  key=lambda case: median(case, "typical") or 0)
    say(ratios(slowest, find(run, name="floor", **of), "typical"),
        "{} a bare futex for a round trip between two sleeping processes",
        duration(median(slowest, "typical")), "trip")


def say_crowd(run):
    alone, crowd = (find(run, work="crowd", name=name) for name in ("alone", "attached-200"))
    say(ratios(crowd, alone, "typical"),
        "{} without a reader when 64 bytes are published to 200 readers",
        duration(median(crowd, "typical")), "crowd")


def say_rate(run):
    of, ours, rival = rate_to_best(run) or (None, None, {"name": ""})
    rate = (median(ours, "rate") or 0) / 1e6
    say(of, f"{{}} {rival['name']}, the best peer, for 64-byte messages in order and without loss",
        f"{rate:.0f} million a second", "rate", True)


def say_file(run):
    of = {"work": "file", "variant": "a program reads", "size": IMAGE}
    cat = find(run, name="babusfs", **of)
    say(ratios(cat, find(run, name="redis-cli", **of), "typical"),
        "{} redis-cli when a shell reads a 1080p frame with cat", duration(median(cat, "typical")),
        "file")


def figures(run):
    """Each as it holds in the worst of babus's settings that were measured."""
    for part in (say_image, say_trip, say_crowd, say_rate, say_file):
        part(run)
    if run["noisy"]:
        print(f"The machine was too noisy for conclusions: {'; '.join(run['noisy'])}.")


# --- goals -----------------------------------------------------------------------------------


class Goals:
    """Prints each goal, and counts."""

    def __init__(self):
        self.count = dict.fromkeys(("met", "MISSED", "noisy", "unknown"), 0)

    def judge(self, what, of, bound, higher=False):
        """`of` must be at most `bound`; with `higher`, at least."""
        def holds(value):
            return value >= bound if higher else value <= bound

        if not of:
            verdict = "unknown"
        elif holds(of.low) != holds(of.high) and not is_steady(of):
            verdict = "noisy"  # the repeats differ much, and about this very bound
        else:
            verdict = "met" if holds(of.median) else "MISSED"
        self.count[verdict] += 1
        line = f"{verdict:8} {f'{of.median:.3g}' if of else '-':>8} {'>=' if higher else '<='} "
        line += f"{bound:<6.3g} {what}"
        if verdict == "MISSED" and bound:
            line += f": by {abs(of.median / bound - 1):.0%}"
        if verdict == "noisy":
            line += f": from {of.low:.3g} to {of.high:.3g}"
        print(line)


def judge_trips(run, judge):
    def ratio(name, mode, size, touch, floor, floor_mode=None, floor_touch=None):
        of = {"work": "trip", "place": "apart", "size": size}
        return ratios(find(run, name=name, mode=mode, touch=touch, **of),
                      find(run, name=floor, mode=floor_mode or mode,
                           touch=floor_touch or touch, **of), "typical")

    def best(mode, among):
        return to_best(run, {"work": "trip", "place": "apart", "size": 64, "touch": 64,
                             "mode": mode}, among)

    judge("64 B round trip, sleeping, to the floor", ratio("babus", "block", 64, 64, "floor"), 1.15)
    judge("the same, to the best peer, at any depth", best("block", ["block"]), 1.15)
    judge("64 B round trip, spin and then sleep, to the best peer", best("adapt", ["block"]), 1)
    judge("the same, to the sleeping floor",
          ratio("babus", "adapt", 64, 64, "floor", "block"), 0.1)
    judge("64 B round trip, polling, to the floor", ratio("babus", "poll", 64, 64, "floor"), 3)
    judge("the same, to the best peer, at any depth", best("poll", ["poll"]), 1)
    for mode, how in (("block", "sleeping"), ("poll", "polling")):
        judge(f"6,220,800 B round trip, {how}, to the floor",
              ratio("babus", mode, IMAGE, IMAGE, "floor"), 1.1)
        judge("the same, to the floor of two buffers",
              ratio("babus", mode, IMAGE, IMAGE, "floor-2"), 1.1)
        of = {"work": "trip", "name": "babus", "mode": mode, "place": "apart", "touch": 64}
        judge("without touching it, to that of 64 B",
              ratios(find(run, size=IMAGE, **of), find(run, size=64, **of), "typical"), 1.2)


def judge_rate(run, judge):
    def rate(name):
        return find(run, work="rate", name=name, mode="poll", variant=None)

    most = median(rate("ring"), "rate")
    if most and most >= 20e6:
        judge("one-way rate, messages a second", summary(repeats(rate("babus"), "rate")), 5e6, True)
    else:
        judge("one-way rate, to that of the machine's own ring, below 20 million",
              ratios(rate("babus"), rate("ring"), "rate"), 0.25, True)
    best = rate_to_best(run)
    judge("the same, with a rest and without, to the best peer", best and best[0], 1.5, True)


CALL_GOALS = (
    ("publish with 200 idle readers, to none", "crowd", "attached-200", "alone", 1.2),
    ("the same, to one", "crowd", "attached-200", "attached-1", 1.2),
    ("publish with 200 readers asleep on another channel, to none", "crowd", "blocked-200",
     "alone", 1.2),
    ("first message of 6,220,800 B, to the kernel's populating its pages", "call", "first",
     "populate", 1.1),
    ("the same, paid for before by reserving", "call", "first-reserved", "populate", 1),
)


def judge_calls(run, judge):
    for what, work, name, other, bound in CALL_GOALS:
        judge(what, ratios(find(run, work=work, name=name), find(run, work=work, name=other),
                           "typical"), bound)
    judge("ns from a SIGKILL to the next message, the longest",
          summary(repeats(find(run, work="call", name="recover"), "max")), 10e6)


def judge_waiters(run, judge):
    for what, row, metric, bound in (
            ("from a publish to the news of it, 16,000 readers in a waiter, to 16",
             "publish to news", "typical", 3),
            ("the waiter's processor time for it, to the same", "publish to news", "cpu", 3),
            ("publish on one of 16,000 slots with a waiter that does not wait, to 16",
             "publish, no wait", "typical", 1.1)):
        of = {"work": "waiter", "row": row}
        judge(what, ratios(find(run, name="readers-16000", **of),
                           find(run, name="readers-16", **of), metric), bound)


def judge_image(run, judge, size, threads, variant):
    of = {"work": "image", "size": size, "threads": threads, "variant": variant}
    where = f"image of {size} B, {'threads' if threads else 'processes'}, {variant}"
    bound = 0.1 if size == IMAGE else 1
    if not find(run, name="babus", **of):
        judge(f"latency, {where}, to Redis", None, bound)
        return
    for row in IMAGE_ROWS[:7]:
        for metric in ("mean", "p99"):
            delay = ", its own delay included" if row == "{all}, slow" else ""
            judge(f"{row} {metric}, {where}, to Redis{delay}",
                  ratios(find(run, name="babus", row=row, **of),
                         find(run, name="redis-unix", row=row, **of), metric), bound)
    judge("messages lost by consumers that keep up", summary(
        repeats(find(run, name="babus", row="all that keep up", **of), "lost")), 0)


def judge_images(run, judge):
    for threads in (False, True):
        for variant in ("view", "view and copy"):
            for size in (IMAGE, SMALL_IMAGE):
                judge_image(run, judge, size, threads, variant)
    for threads in (False, True):
        of = {"work": "image", "name": "babus", "variant": "view", "row": "{image}",
              "threads": threads}
        judge(f"{{image}} mean, large to small, {'threads' if threads else 'processes'}",
              ratios(find(run, size=IMAGE, **of), find(run, size=SMALL_IMAGE, **of), "mean"), 2)


def judge_files(run, judge):
    for what, variant, size, bound in (
            ("64 B open, read and close of latest, to the FUSE floor", "open, read, close", 64,
             1.3),
            ("6,220,800 B of latest, to the FUSE floor", "open, read, close", IMAGE, 1.15),
            ("64 B through latest to a reader of wait, to two trips",
             "publish to a blocked reader", 64, 1.5)):
        of = {"work": "file", "variant": variant, "size": size}
        judge(what, ratios(find(run, name="babusfs", **of), find(run, name="fuse", **of),
                           "typical"), bound)


def goals(run):
    """The exit status: 0 only if the run meets all that it measured."""
    verdicts = Goals()
    for part in (judge_trips, judge_rate, judge_calls, judge_waiters, judge_images, judge_files):
        part(run, verdicts.judge)
    print("{met} met, {MISSED} missed, {noisy} too noisy to tell, {unknown} not measured".format(
        **verdicts.count))
    for reason in run["noisy"]:
        print(f"noisy, no conclusions: {reason}")
    return 1 if verdicts.count["MISSED"] or verdicts.count["noisy"] or run["noisy"] else 0


# --- plots -----------------------------------------------------------------------------------

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22",
           "#17becf")


def style(name, number):
    if name in FLOORS:
        return "lw 2 dt 2 lc rgb 'black'"
    if name == "babus":
        return "lw 4 lc rgb '#d62728'"
    return f"lw 2 lc rgb '{COLOURS[number % len(COLOURS)]}'"


def draw(path, title, axes, lines):
    """One picture. `lines`: points (x, y) by name. A run may have nothing for a picture."""
    lines = {name: points for name, points in lines.items() if points}
    if not lines:
        return
    text = (f"set terminal svg size 900,600 background 'white'\nset title '{title}'\n"
            f"set key outside right\nset grid\nset logscale xy\n{axes}")
    for number, points in enumerate(lines.values()):
        text += f"$d{number} << EOD\n" + "".join(f"{x:.6g} {y:.6g}\n" for x, y in points) + "EOD\n"
    text += f"set output '{path}'\nplot " + ", ".join(
        f"$d{number} using 1:2 with lines {style(name, number)} title '{name}'"
        for number, name in enumerate(lines)) + "\n"
    if subprocess.run(["gnuplot"], input=text, text=True, check=False).returncode:
        fail(f"gnuplot cannot draw {path}")


def longer(case):
    """How many percent took as long as each of the histogram's values, or longer."""
    points, left = [], sum(count for _, count in case["histogram"]) if case else 0
    whole = left
    for ns, count in case["histogram"] if case else ():
        points.append((ns / 1e9, left / whole * 100))
        left -= count
    return points


def plot(run, directory):
    """Latency by size, and distributions."""
    if not shutil.which("gnuplot"):
        fail("gnuplot is not installed")
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        fail(f"{directory}: {error.strerror}")
    everyone = FLOORS + OURS + RIVALS
    for mode in ("block", "poll"):
        draw(f"{directory}/size-{mode}.svg", f"Round trip between two processes, {mode}",
             "set xlabel 'bytes'\nset ylabel 'typical time'\nset format y '%.0s %cs'\n",
             {name: [(case["size"], median(case, "typical") / 1e9) for case in run["cases"]
                     if case["work"] == "trip" and case["name"] == name and case["mode"] == mode
                     and case["place"] == "apart" and case["touch"] == case["size"]
                     and median(case, "typical")] for name in everyone})
    trip = {"work": "trip", "place": "apart", "size": 64, "touch": 64}
    camera = {"work": "image", "variant": "view", "row": "{image}", "threads": False}
    for file, title, of in (
            ("trip-block", "Round trip of 64 B, sleeping", dict(trip, mode="block")),
            ("trip-poll", "Round trip of 64 B, polling", dict(trip, mode="poll")),
            ("image-large", "Camera and sensors, an image of 6,220,800 B",
             dict(camera, size=IMAGE)),
            ("image-small", "Camera and sensors, an image of 1,080 B",
             dict(camera, size=SMALL_IMAGE))):
        draw(f"{directory}/{file}.svg", title,
             "set xlabel 'latency'\nset format x '%.0s %cs'\n"
             "set ylabel '% took as long or longer'\n",
             {name: longer(find(run, name=name, **of)) for name in everyone})


# --- the command -----------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(prog="babus-bench", description="Present a run's JSON.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("table", help="everything, as a table").add_argument("json")
    verb = verbs.add_parser("report", help="a page in Markdown, to FILE or stdout")
    verb.add_argument("--words", action="store_true", help="only the figures that README quotes")
    verb.add_argument("json", metavar="JSON")
    verb.add_argument("file", nargs="?", metavar="FILE")
    verbs.add_parser("goals", help="which of babus's goals the run meets").add_argument(
        "json", metavar="JSON")
    verb = verbs.add_parser("plot", help="latency by size and distributions, by gnuplot")
    verb.add_argument("json", metavar="JSON")
    verb.add_argument("directory", metavar="DIRECTORY")
    args = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly with the reader of a pipe
    run = load(args.json)
    if args.verb == "table":
        table(run, sys.stdout)
    elif args.verb == "goals":
        return goals(run)
    elif args.verb == "plot":
        plot(run, args.directory)
    elif args.words:
        figures(run)
    else:
        report(run, args.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
