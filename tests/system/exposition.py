"""Prometheus' text format 0.0.4, read strictly: what a scraper would choke on is an AssertionError."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (NaN|[+-]Inf|-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')


def labels_of(text):
    labels, at = {}, 0
    while at < len(text or ""):
        match = LABEL.match(text, at)
        assert match, text
        assert match[1] not in labels, text
        labels[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        at = match.end()
        assert match[3] == "," or at == len(text)
    return labels


class Exposition:
    """types: name -> type; samples: (name, sorted label pairs) -> value."""

    def __init__(self, text):
        self.text, self.types, self.helps, self.samples = text, {}, {}, {}
        family = None
        assert text.endswith("\n") and "\r" not in text
        for line in text.splitlines():
            if line.startswith("# "):
                _, what, name, rest = line.split(" ", 3)
                kept = {"HELP": self.helps, "TYPE": self.types}[what]
                assert re.fullmatch(NAME, name) and name not in kept, line
                kept[name] = rest
                family = name
                continue
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels = match[1], labels_of(match[2])
            plain = re.sub("_(bucket|sum|count)$", "", name)
            base = plain if self.types.get(plain) == "histogram" else name
            assert base == family and base in self.types and base in self.helps, line
            key = (name, tuple(sorted(labels.items())))
            assert key not in self.samples, line
            self.samples[key] = float(match[3].replace("Inf", "inf"))
        for name, kind in self.types.items():
            assert kind in ("gauge", "counter", "histogram") and self.helps[name]
            assert name.endswith("_total") == (kind == "counter"), name
        for (name, labels), value in self.samples.items():
            if name.endswith(("_total", "_bucket", "_count")):
                assert value >= 0, (name, labels, value)

    def __call__(self, name, default=None, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))), default)

    def of(self, name):
        """Every sample of a name: labels as a dict, and the value."""
        return [(dict(labels), value) for (n, labels), value in self.samples.items() if n == name]
