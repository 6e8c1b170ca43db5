// check: what another implementation says of a ledger that dockd has signed. It knows nothing of
// dockd but LEDGER.md; notes and trees are golang.org/x/mod's.
//
//	check ledger KEY CHECKPOINT TREE SEGMENT...   lines, stored hashes and checkpoint agree
//	check proof KEY PROOF LINE                    a C2SP tlog-proof shows that LINE is signed
//	check grown KEY OLD NEW PATH                  NEW has grown out of OLD, by the hashes in PATH
package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func refuse(err error, what string) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		os.Exit(1)
	}
}

func demand(good bool, what string) {
	if !good {
		refuse(fmt.Errorf("refused"), what)
	}
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	refuse(err, path)
	return data
}

func hash(text string) tlog.Hash {
	h, err := tlog.ParseHash(text)
	refuse(err, "hash")
	return h
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	refuse(err, "number")
	return n
}

// open checks the signature and gives size and root (C2SP tlog-checkpoint).
func open(vkey string, signed []byte) (int64, tlog.Hash) {
	verifier, err := note.NewVerifier(strings.TrimSpace(vkey))
	refuse(err, "key")
	n, err := note.Open(signed, note.VerifierList(verifier))
	refuse(err, "note")
	lines := strings.Split(n.Text, "\n")
	demand(len(lines) == 4 && lines[3] == "", "three lines")
	demand(lines[0] == verifier.Name(), "origin")
	return number(lines[1]), hash(lines[2])
}

func ledger(vkey string, checkpoint, tree []byte, segments []string) {
	size, root := open(vkey, checkpoint)
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	var n int64
	for _, path := range segments {
		for _, line := range bytes.SplitAfter(read(path), []byte("\n")) {
			if len(line) == 0 || n == size {
				continue
			}
			more, err := tlog.StoredHashes(n, bytes.TrimSuffix(line, []byte("\n")), reader)
			refuse(err, "line")
			stored = append(stored, more...)
			n++
		}
	}
	demand(n == size, "number of lines")
	is, err := tlog.TreeHash(n, reader)
	refuse(err, "root")
	demand(is == root, "root")
	demand(len(tree) >= tlog.HashSize*len(stored), "length of the tree")
	for i, h := range stored {
		demand(bytes.Equal(h[:], tree[i*tlog.HashSize:(i+1)*tlog.HashSize]), "tree")
	}
	fmt.Printf("%d lines\n", n)
}

func proof(vkey string, text, line []byte) {
	head, signed, found := strings.Cut(string(text), "\n\n")
	demand(found, "a blank line")
	lines := strings.Split(head, "\n")
	demand(len(lines) >= 2 && lines[0] == "c2sp.org/tlog-proof@v1", "first line")
	demand(strings.HasPrefix(lines[1], "index "), "index")
	var path tlog.RecordProof
	for _, l := range lines[2:] {
		path = append(path, hash(l))
	}
	size, root := open(vkey, []byte(signed))
	index := number(strings.TrimPrefix(lines[1], "index "))
	leaf := tlog.RecordHash(bytes.TrimSuffix(line, []byte("\n")))
	refuse(tlog.CheckRecord(path, size, root, index, leaf), "proof")
	fmt.Printf("record %d of %d\n", index+1, size)
}

func grown(vkey string, old, fresh []byte, hashes string) {
	oldSize, oldRoot := open(vkey, old)
	size, root := open(vkey, fresh)
	var path tlog.TreeProof
	for _, l := range strings.Fields(hashes) {
		path = append(path, hash(l))
	}
	refuse(tlog.CheckTree(path, size, root, oldSize, oldRoot), "growth")
	fmt.Printf("%d out of %d\n", size, oldSize)
}

func main() {
	a := os.Args[1:]
	switch {
	case len(a) >= 5 && a[0] == "ledger":
		ledger(string(read(a[1])), read(a[2]), read(a[3]), a[4:])
	case len(a) == 4 && a[0] == "proof":
		proof(string(read(a[1])), read(a[2]), read(a[3]))
	case len(a) == 5 && a[0] == "grown":
		grown(string(read(a[1])), read(a[2]), read(a[3]), string(read(a[4])))
	default:
		fmt.Println("usage: check ledger|proof|grown ...")
		os.Exit(2)
	}
}
