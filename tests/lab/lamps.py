"""What an onlooker makes of a lamp that is seen only to be on or off."""

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


def runs(samples):
    """[(lit, seconds)] of samples [(time, lit)]; the first and the last are cut off by the window."""
    got, begin = [], 0
    for i in range(1, len(samples) + 1):
        if i == len(samples) or samples[i][1] != samples[begin][1]:
            end = samples[min(i, len(samples) - 1)][0]
            got.append((samples[begin][1], end - samples[begin][0]))
            begin = i
    return got


def median(values):
    return sorted(values)[len(values) // 2]


def decode(samples):
    """
    The state that six seconds of samples show: dockd.conf(5), DESIGN 11. "dark" and "steady" are lamps
    that nobody writes.
    """
    whole = runs(samples)
    seconds = sum(s for _, s in whole)
    share = sum(s for lit, s in whole if lit) / seconds
    inner = whole[1:-1]
    on, off = [s for lit, s in inner if lit], [s for lit, s in inner if not lit]
    if share in (0, 1):
        return "steady" if share else "dark"
    if share < 0.15:
        return "empty"
    if share > 0.75:
        # Long on: 1.75 s between the short breaks of charging, 2.75 s between those of take.
        longest = max(on or [0], default=0) if on else max(s for lit, s in whole if lit)
        return "take" if longest > 2.25 else "charging"
    # Three flashes and a pause of more than a second, or even blinking.
    return "leave" if max(off, default=0) > 0.8 else "reading"
