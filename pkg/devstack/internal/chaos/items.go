package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/anishathalye/porcupine"
)

// itemKind is what is done to one resource.
type itemKind uint8

const (
	create itemKind = iota
	read
	put
	patch
	remove
)

func (k itemKind) String() string { return [...]string{"create", "read", "put", "patch", "delete"}[k] }

// itemOp is one operation on one resource. Values are unique in a campaign, so
// a value tells which write it is from.
type itemOp struct {
	span
	client  int
	kind    itemKind
	verdict verdict
	value   string // written, or read
	match   int64  // the version that a write named; zero if none
	version int64  // that the answer gave
	fresh   bool   // a read that asked for the database
	via     string // instance and what its cache said, for the counterexample
}

// itemState is a resource as a sequential world would have it.
type itemState struct {
	version int64
	value   string
	live    bool
}

// step tells whether an operation with this outcome may happen in a state, and
// what comes of it.
func (s itemState) step(op itemOp) (bool, itemState) {
	switch {
	case op.kind == read && op.verdict == absent:
		return !s.live, s
	case op.kind == read:
		return s.live && s.version == op.version && s.value == op.value, s
	case op.kind == create:
		return s.version == 0, itemState{1, op.value, true}
	case op.verdict == absent:
		return !s.live, s
	case op.verdict == refused:
		return s.live && s.version != op.match, s
	}
	next := itemState{s.version + 1, op.value, true}
	if op.kind == remove {
		next = itemState{version: s.version + 1}
	}
	return s.live && (op.match == 0 || op.match == s.version) && op.version == next.version, next
}

func itemModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return itemState{} },
		Step: func(state, input, _ any) (bool, any) {
			return state.(itemState).step(input.(itemOp)) //nolint:forcetypeassert // what Init and the history hold
		},
		DescribeOperation: func(input, _ any) string { return input.(itemOp).String() }, //nolint:forcetypeassert // likewise
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
}

// String says what happened in one line.
func (op itemOp) String() string {
	outcome := [...]string{"?", fmt.Sprintf("v%d", op.version), "404", "412", "-"}[op.verdict]
	return fmt.Sprintf("%s(%s) → %s %s", op.kind, op.value, outcome, op.via)
}

// settle finds out what became of writes whose answer was lost. The database
// holds every version that there ever was, and each is of one write: of one that
// was acknowledged, or of one that a reader saw, or else of some of the lost
// ones, it does not matter which, but each of another. So each version has its
// writer in the end, and the lost writes that are left over had no effect. Gone tells that there is no
// such resource any more; then the last version is its deletion.
func settle(ops []itemOp, committed map[int64]bool, gone bool) []itemOp {
	var last int64
	for v := range committed {
		last = max(last, v)
	}
	seen := map[string]itemOp{}
	for _, op := range ops {
		if first, ok := seen[op.value]; op.kind == read && op.verdict == done && (!ok || op.end < first.end) {
			seen[op.value] = op
		}
	}
	written := map[int64]bool{} // versions with a writer
	var lost []int64            // when those began that nobody saw
	for i := range ops {
		op := &ops[i]
		first, ok := seen[op.value]
		switch {
		case op.kind == read:
		case op.verdict == unknown && op.kind != remove && ok:
			op.verdict, op.version, op.end = done, first.version, max(first.end, op.begin)
		case op.verdict == unknown:
			lost = append(lost, op.begin)
		case op.kind == create:
			op.version = 1
		case op.verdict == done && op.kind == remove:
			op.version = last
		}
		written[op.version] = written[op.version] || op.kind != read && op.verdict == done
	}
	ops = slices.DeleteFunc(ops, func(op itemOp) bool { return op.verdict == unknown })
	slices.Sort(lost)
	for _, v := range slices.Sorted(maps.Keys(committed)) {
		if written[v] || len(lost) == 0 { // then nobody can have written it
			continue
		}
		// The n-th such version came when n of the lost had begun, since none of them
		// wrote two.
		ghost := itemOp{span: span{lost[0], never}, kind: put, verdict: done, version: v, value: "?", via: "one of the lost"}
		lost = lost[1:]
		if gone && v == last {
			ghost.kind = remove
		}
		ops = append(ops, ghost)
	}
	slices.SortFunc(ops, func(a, b itemOp) int { return cmp.Compare(a.begin, b.begin) })
	return ops
}

func (op itemOp) operation() porcupine.Operation {
	return porcupine.Operation{ClientId: op.client, Input: op, Call: op.begin, Return: op.end}
}

func (op itemOp) told() string { return line(op.span, op.client, op.String()) }
