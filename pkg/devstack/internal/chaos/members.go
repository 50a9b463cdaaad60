package chaos

import (
	"fmt"
	"strings"

	"github.com/anishathalye/porcupine"
)

// memberOp is one operation on the resources of one type: one of them comes or
// goes, or they are listed. Each has a name of its own.
type memberOp struct {
	span
	client  int
	kind    itemKind // create, remove, or read for a list
	verdict verdict
	name    string
	of      string // type; empty for a list of all
	names   string // of a list: sorted, each followed by a blank
	via     string
}

// String says what happened in one line.
func (op memberOp) String() string {
	if op.kind == read {
		return fmt.Sprintf("list → [%s] %s", strings.TrimSpace(op.names), op.via)
	}
	return fmt.Sprintf("%s(%s) → %s", op.kind, op.name, [...]string{"?", "ok", "404", "412", "-"}[op.verdict])
}

// memberModel is a set; its state is written as a list is.
func memberModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			s, op := state.(string), input.(memberOp) //nolint:forcetypeassert // what Init and the history hold
			switch {
			case op.verdict == absent:
				return !strings.Contains(s, op.name+" "), s
			case op.kind == read:
				return s == op.names, s
			case op.kind == create:
				return !strings.Contains(s, op.name+" "), with(s, op.name)
			default:
				return strings.Contains(s, op.name+" "), strings.ReplaceAll(s, op.name+" ", "")
			}
		},
		DescribeOperation: func(input, _ any) string { return input.(memberOp).String() }, //nolint:forcetypeassert // likewise
	}
}

// with puts a name in its place.
func with(sorted, name string) string {
	var b strings.Builder
	placed := false
	for word := range strings.FieldsSeq(sorted) {
		if !placed && name < word {
			b.WriteString(name + " ")
			placed = true
		}
		b.WriteString(word + " ")
	}
	if !placed {
		b.WriteString(name + " ")
	}
	return b.String()
}

// settleMembers decides what became of the operations whose answer was lost.
// Nobody but the lost creator could have deleted what it made, and nothing is
// deleted twice, so the database at the end knows: what is there was created and
// not deleted. Was says which names ever were in a list.
func settleMembers(ops []memberOp, left map[string]bool) []memberOp {
	listed := map[string]int64{} // the end of the first list with that name
	deleting, made := map[string]bool{}, map[string]int64{}
	var lists []memberOp
	for _, op := range ops {
		if op.kind == create && op.verdict == done {
			made[op.name] = op.end
		}
		if op.kind == read {
			lists = append(lists, op)
			for name := range strings.FieldsSeq(op.names) {
				if first, ok := listed[name]; !ok || op.end < first {
					listed[name] = op.end
				}
			}
		}
		deleting[op.name] = deleting[op.name] || op.kind == remove
	}
	var settled []memberOp
	for _, op := range ops {
		if op.verdict == unknown {
			end, seen := listed[op.name]
			switch {
			case op.kind == create && !left[op.name] && !deleting[op.name] && !seen,
				op.kind == remove && left[op.name]:
				continue // it had no effect
			case op.kind == create && seen:
				op.end = max(end, op.begin)
			default:
				op.end = never
			}
			if op.kind == remove {
				op.end = goneBy(op, made[op.name], lists)
			}
			op.verdict = done
		}
		settled = append(settled, op)
	}
	return settled
}

// goneBy is the end of the first list that shows that a deletion has happened.
func goneBy(op memberOp, made int64, lists []memberOp) int64 {
	end := int64(never)
	for _, l := range lists {
		if made > 0 && l.begin > made && l.begin > op.begin && l.end < end && !strings.Contains(l.names, op.name+" ") {
			end = l.end
		}
	}
	return end
}

func (op memberOp) operation() porcupine.Operation {
	return porcupine.Operation{ClientId: op.client, Input: op, Call: op.begin, Return: op.end}
}

func (op memberOp) told() string { return line(op.span, op.client, op.String()) }
