"""Times whole processes and reads their traces, for `benches/whole.sh`. Python 3.11, nothing else.

    measure.py run      RUNS [--quiet-exit N] -- COMMAND...   wall time and peak memory
    measure.py frame    RUNS -- COMMAND...                    spawn to the first text on a terminal
    measure.py levels   WIRE_LOG                              requests in a row, by time
    measure.py ratio    NAME OURS MANUAL [WITHOUT]            pairs of wall times from two files
    measure.py journal  FROM TO EVENTS                        a long journal out of a short one

`{new}` in a command is a folder that does not exist yet. Times are printed as median (min to max).
"""

import fcntl
import hashlib
import json
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from datetime import datetime


def spread(values, unit="ms"):
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.1f} {unit} ({low:.1f} to {high:.1f})"


def prepared(command, parent, number):
    new = os.path.join(parent, str(number))
    return [part.replace("{new}", new) for part in command]


def run(runs, command):
    """Runs a command to its end; the figures are the kernel's for the process itself."""
    walls, peaks = [], []
    with tempfile.TemporaryDirectory() as parent:
        for number in range(runs + 1):
            begun = time.perf_counter()
            child = subprocess.Popen(
                prepared(command, parent, number),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            said = child.stderr.read()
            _, status, usage = os.wait4(child.pid, 0)
            ended = time.perf_counter()
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode != 0:
                sys.exit(f"{command} ended with {child.returncode}:\n{said.decode()}")
            # The first run warms the page cache.
            if number > 0:
                walls.append((ended - begun) * 1000)
                peaks.append(usage.ru_maxrss / 1024)
    return walls, peaks


ESCAPES = re.compile(rb"\x1b(\[[0-9;?>=]*[A-Za-z]|\][^\x07]*\x07|[=>78()][0-9A-Z]?)")


def frame(runs, command):
    """Starts a command on a terminal of 80x24 and waits for the first drawn word."""
    times = []
    with tempfile.TemporaryDirectory() as parent:
        for number in range(runs + 1):
            arguments = prepared(command, parent, number)
            begun = time.perf_counter()
            child, terminal = pty.fork()
            if child == 0:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
                os.execv(arguments[0], arguments)
            seen = b""
            while not re.search(rb"\w{3}", ESCAPES.sub(b"", seen)):
                ready, _, _ = select.select([terminal], [], [], 10)
                if not ready:
                    sys.exit(f"{command} drew nothing within 10 s: {seen!r}")
                seen += os.read(terminal, 65536)
            if number > 0:
                times.append((time.perf_counter() - begun) * 1000)
            os.kill(child, signal.SIGKILL)
            os.close(terminal)
            os.waitpid(child, 0)
    return times


def levels(path):
    """Returns the most requests of which each began after the one before had ended.

    A request that depends on another begins after its answer, so no chain of dependent requests is
    longer; unrelated requests that were only started late are counted too. Git's own programs talk
    to a folder here and have no latency.
    """
    spans = []
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)
        if record["client"] != "git":
            begun = datetime.fromisoformat(record["at"][:26] + "+00:00").timestamp() * 1000
            spans.append((begun + record["duration_ms"], begun, record["operation"]))
    chain, free_from = [], float("-inf")
    for ended, begun, operation in sorted(spans):
        # Both clocks are cut to whole milliseconds.
        if begun >= free_from - 2:
            chain.append(operation)
            free_from = ended
    return len(spans), chain


def journal(source, target, events):
    """Repeats the steps of a recorded run until there are so many events, chained anew."""
    with open(source, encoding="utf-8") as lines:
        header, *rest = [json.loads(line) for line in lines]
    begins = [line for line in rest if line["event"]["kind"] in ("run_started", "answers_resolved")]
    repeated = [line for line in rest if line not in begins and line["event"]["kind"] != "run_finished"]
    previous = None
    with open(target, "w", encoding="utf-8") as out:
        for number in range(events + 1):
            if number == 0:
                record = header
            else:
                place = number - 1 - len(begins)
                template = begins[number - 1] if place < 0 else repeated[place % len(repeated)]
                record = {**template, "prev": previous, "seq": number}
            line = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
            previous = hashlib.sha256(line.encode()).hexdigest()
            out.write(line + "\n")


def ratio(name, ours, manual, without):
    """Compares wall times in milliseconds, run by run; manual steps that match are left out."""
    own = [float(line) for line in open(ours, encoding="utf-8")]
    by_hand = []
    for line in open(manual, encoding="utf-8"):
        steps = json.loads(line)["steps"]
        kept = [step for step in steps if not (without and re.search(without, step["name"]))]
        by_hand.append(1000 * sum(step["median_s"] for step in kept))
    quotients = [one / other for one, other in zip(own, by_hand, strict=True)]
    print(f"{name}: {spread(own)}; by hand {spread(by_hand)}; 1/{1 / statistics.median(quotients):.1f}")


def main():
    what, *arguments = sys.argv[1:]
    if what in ("run", "frame"):
        runs, _, *command = arguments
        if what == "run":
            walls, peaks = run(int(runs), command)
            print(f"{spread(walls)}, peak {spread(peaks, 'MB')}")
        else:
            print(spread(frame(int(runs), command)))
    elif what == "levels":
        requests, chain = levels(arguments[0])
        print(f"{requests} requests, {len(chain)} in a row: {', '.join(chain)}")
    elif what == "ratio":
        ratio(*arguments, *[None] * (4 - len(arguments)))
    elif what == "journal":
        journal(arguments[0], arguments[1], int(arguments[2]))
    else:
        sys.exit(__doc__)


main()
