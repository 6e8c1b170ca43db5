"""What a lamp says, from nothing but when it was lit: as somebody sees it who looks for six seconds.

Knows the lengths of stretches, not the program. Edges are taken to lie between two samples, so a
length is known to about the distance of samples; the bounds below leave room for that, for a sample
that is missing here and there, and for a writer that is late. Samples need to come ten times a second
or more often; a gap of more than GAP seconds says nothing, and the look begins anew.
"""

WINDOW = 6.0
GAP = 0.24  # a wink of a quarter of a second must not fit into it
NOBODY = "off"  # dark, or not moving: nobody is at home

# Bounds between lengths, in seconds: short 0.25, middling 0.5 to 1.25, long 2.75 and more.
SHORT_OFF, SHORT_ON = 0.62, 0.62
LONG = 1.9
TAKE_ON, EMPTY_OFF = 3.2, 5.2
HALF = 0.76  # between the dark of "charging" (0.5) and of "server away" (1.0)


def stretches(samples):
    """[(lit, seconds, whole)]; the first and the last go on out of sight."""
    runs = []
    begin, (last, lit) = samples[0][0], samples[0]
    for t, now in samples[1:]:
        if now != lit:
            edge = (last + t) / 2
            runs.append((lit, edge - begin, bool(runs)))
            begin, lit = edge, now
        last = t
    runs.append((lit, last - begin, False))
    return runs


def kind(lit, seconds):
    if lit:
        return "s" if seconds <= SHORT_ON else "m" if seconds <= LONG else "l"
    return "-" if seconds <= SHORT_OFF else "_" if seconds <= LONG else "="


def bay(runs):
    """The state whose rhythm is the only one that has these stretches, or None."""
    on = [t for lit, t, whole in runs if lit and whole]
    off = [t for lit, t, whole in runs if not lit and whole]
    longest_on = max(t for lit, t, _ in runs if lit)
    longest_off = max(t for lit, t, _ in runs if not lit)
    order = "".join(kind(lit, t) for lit, t, whole in runs if whole)
    if longest_on > LONG:  # only "take it" is lit for long
        fits = off and longest_off <= SHORT_OFF and longest_on <= TAKE_ON
        return "take" if fits and all(t > LONG for t in on) else None
    if longest_off > LONG:  # only an empty bay is dark for long
        fits = on and longest_on <= SHORT_ON and longest_off <= EMPTY_OFF
        return "empty" if fits and all(t > LONG for t in off) else None
    if len(on) < 2:
        return None
    if longest_on <= SHORT_ON:
        if longest_off <= SHORT_OFF:
            return "reading" if len(on) >= 3 else None
        return "leave" if "_" in order and order in "s-s-s_" * 5 and max(off) > HALF else None
    if min(on) > SHORT_ON:
        if longest_off <= HALF:
            return "charging"
        return "away" if min(off) > HALF else None
    return "test" if len(order) >= 9 and order in "s-s-m-" * 5 else None


def station(state):
    """The same rhythms at the station's one light."""
    return {"take": "well", "leave": "needs-it", "away": "away", NOBODY: NOBODY}.get(state)


class Decoder:
    """feed(seconds, lit) => the state now, or None while it cannot be told."""

    def __init__(self):
        self.samples = []

    def feed(self, t, lit):
        if self.samples and t - self.samples[-1][0] > GAP:
            self.samples = []
        self.samples.append((t, bool(lit)))
        while len(self.samples) > 1 and t - self.samples[1][0] >= WINDOW - GAP / 2:
            self.samples.pop(0)
        if t - self.samples[0][0] < WINDOW - GAP:
            return None
        runs = stretches(self.samples)
        if len(runs) == 1:
            return NOBODY
        return bay(runs)


def decode(samples):
    """The state at the last of [(seconds, lit)], or None."""
    decoder, state = Decoder(), None
    for t, lit in samples:
        state = decoder.feed(t, lit)
    return state


if __name__ == "__main__":  # lines "SECONDS 0|1" => each change of what it says
    import sys

    eye, said = Decoder(), None
    for line in sys.stdin:
        when, lit = line.split()
        state = eye.feed(float(when), int(lit))
        if state and state != said:
            said = state
            print(when, state, flush=True)
