package crdb_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tandem.example/pkg/crdb"
	"tandem.example/pkg/fault"
)

func state(code string) error { return fmt.Errorf("run: %w", &pgconn.PgError{Code: code}) }

func TestFaultOfEachState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err       error
		want      error // nil: passes unchanged and is internal
		ambiguous bool
	}{
		"serialization failure":    {state("40001"), crdb.ErrContention, false},
		"deadlock":                 {state("40P01"), crdb.ErrContention, false},
		"completion unknown":       {state("40003"), crdb.ErrAmbiguous, true},
		"connection failure":       {state("08006"), crdb.ErrUnavailable, true},
		"admin shutdown":           {state("57P01"), crdb.ErrUnavailable, true},
		"statement timeout":        {state("57014"), crdb.ErrUnavailable, true},
		"too many connections":     {state("53300"), crdb.ErrUnavailable, true},
		"standby":                  {state("25006"), crdb.ErrUnavailable, false},
		"unique violation":         {state("23505"), nil, false},
		"check violation":          {state("23514"), nil, false},
		"syntax error":             {state("42601"), nil, false},
		"end of file":              {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), crdb.ErrUnavailable, true},
		"deadline":                 {context.DeadlineExceeded, crdb.ErrUnavailable, true},
		"a defect in our own code": {errors.New("cannot scan"), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := crdb.Fault(c.err)
			if c.want != nil && !errors.Is(got, c.want) {
				t.Errorf("became %v", got)
			}
			if c.want == nil && fault.KindOf(got) != fault.Internal {
				t.Errorf("became %v", got)
			}
			if !errors.Is(got, c.err) {
				t.Error("the cause is lost")
			}
			if crdb.Ambiguous(c.err) != c.ambiguous {
				t.Errorf("ambiguous is %t", !c.ambiguous)
			}
		})
	}
	if crdb.Ambiguous(nil) || crdb.Ambiguous(pgx.ErrNoRows) {
		t.Error("an outcome that is known is called ambiguous")
	}
}
