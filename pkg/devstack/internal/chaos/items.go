package chaos

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"
)

// itemKind is what is done to one resource.
type itemKind uint8

const (
	create itemKind = iota
	read
	put
	remove
)

func (k itemKind) String() string { return [...]string{"create", "read", "put", "delete"}[k] }

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
	fits := s.live && (op.match == 0 || op.match == s.version)
	if op.verdict == unknown && !fits {
		return true, s // then it had no effect
	}
	next := itemState{s.version + 1, op.value, true}
	if op.kind == remove {
		next = itemState{version: s.version + 1}
	}
	return fits && (op.verdict == unknown || op.version == 0 || op.version == next.version), next
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

// settle finds out what became of writes whose answer was lost, as far as it can
// be known: from the values that were read, and from the database, which holds
// every version that there ever was. What is left unknown stays so. A write
// that is known to have had no effect is dropped.
func settle(ops []itemOp, committed map[int64]bool) []itemOp {
	seen := map[string]itemOp{}
	versions := map[int64]bool{} // whose writer is known
	for _, op := range ops {
		switch {
		case op.kind == read && op.verdict == done:
			if first, ok := seen[op.value]; !ok || op.end < first.end {
				seen[op.value] = op
			}
		case op.verdict == done && op.version > 0:
			versions[op.version] = true
		}
	}
	for i, op := range ops {
		if first, ok := seen[op.value]; ok && op.verdict == unknown && op.kind == put {
			ops[i].verdict, ops[i].version, ops[i].end = done, first.version, max(first.end, op.begin)
			versions[first.version] = true
		}
	}
	unclaimed := 0
	for v := range committed {
		if !versions[v] {
			unclaimed++
		}
	}
	for _, op := range ops {
		if op.kind == remove && op.verdict == done {
			unclaimed-- // its answer tells no version
		}
	}
	ops = slices.DeleteFunc(ops, func(op itemOp) bool { return op.verdict == unknown && unclaimed <= 0 })
	slices.SortFunc(ops, func(a, b itemOp) int { return cmp.Compare(a.begin, b.begin) })
	return ops
}

func (op itemOp) operation() porcupine.Operation {
	end := op.end
	if op.verdict == unknown {
		end = never
	}
	return porcupine.Operation{ClientId: op.client, Input: op, Call: op.begin, Return: end}
}
