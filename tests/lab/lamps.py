"""The lamps of the booted station, sampled in the guest and read by tests/lights/decoder.py."""

import sys

from appliance import HERE

sys.path.insert(0, str(HERE.parent / "lights"))
import decoder  # noqa: E402

# A program of the guest: samples every lamp some 20 times a second, "TIME ON OFF..." a line; "-" for a
# lamp that is not there. Nothing but bash's own commands: a process for each look would be too slow.
SAMPLER = r"""
exec 9<> <(:)
while :; do
	line=$EPOCHREALTIME
	for lamp in "$@"; do
		value=-
		{ read -r value <"$lamp/brightness"; } 2>/dev/null
		line+=" $value"
	done
	echo "$line"
	read -r -t 0.04 -u 9
done
"""


class Lamps:
    """Samples of some lamps, [(USB port, "capslock")], from now on until the guest ends."""

    def __init__(self, a, lamps):
        self.a, self.n, self.seen = a, len(lamps), ""
        a.write("/root/lamps", SAMPLER)
        a.sh("systemd-run -q --unit=lamps --nice=-10 -p StandardOutput=file:/run/lamps bash /root/lamps %s" %
             " ".join(a.lamp(*lamp) for lamp in lamps))

    def now(self):
        """The guest's clock, which samples carry."""
        return float(self.a.sh("echo $EPOCHREALTIME"))

    def since(self, begin, seconds):
        """[[(time, lit)] of each lamp] of the window that begins then; waits until it is over."""
        self.a.until("test $(tail -n 1 /run/lamps | cut -d . -f 1) -gt %d" % (begin + seconds))
        rows = [line.split() for line in self.a.read("/run/lamps").decode().splitlines()]
        rows = [row for row in rows if len(row) == self.n + 1 and begin <= float(row[0]) <= begin + seconds]
        return [[(float(row[0]), row[n] not in ("0", "-")) for row in rows] for n in range(1, self.n + 1)]

    def said(self, begin):
        """All that each lamp has said since then, in its order."""
        all_said = []
        for samples in self.since(begin, int(self.now() - begin)):
            eye, said = decoder.Decoder(), []
            for t, lit in samples:
                state = eye.feed(t, lit)
                if state and said[-1:] != [state]:
                    said.append(state)
            all_said.append(said)
        return all_said

    def told(self, begin=None, most=120):
        """
        What each lamp says to who looks from then on. Six seconds are enough, but where the guest was so
        busy that samples or ticks are missing, the look begins anew: never later than `most`.
        """
        begin = begin or self.now()
        for seconds in range(7, most, 5):
            said = []
            for samples in self.since(begin, seconds):
                eye = decoder.Decoder()
                states = [eye.feed(t, lit) for t, lit in samples]
                said.append(next((state for state in states if state), None))
                gaps = [b[0] - a[0] for a, b in zip(samples, samples[1:])]
                self.seen = "%d samples in %d s, at most %.2f s apart" % (len(samples), seconds, max(gaps, default=0))
            if all(said):
                break
        return said
