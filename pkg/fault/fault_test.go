package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/fault"
)

var errGone = fault.New(fault.NotFound, "thing_not_found", "no such thing")

func TestCopiesAreTheDeclaredFault(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("load thing: %w", errGone.Because(io.EOF).Detailf("no thing %d", 7).After(time.Second).At("/id", "unknown"))
	if !errors.Is(err, errGone) {
		t.Fatal("a copy no longer matches its declaration")
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal("the cause is lost")
	}
	f := fault.From(err)
	if f.Detail != "no thing 7" || f.RetryAfter != time.Second || len(f.Violations) != 1 {
		t.Fatalf("the copy lost a part: %+v", f)
	}
	if errGone.Detail != "no such thing" || errGone.Violations != nil || errGone.RetryAfter != 0 {
		t.Fatalf("the declaration changed: %+v", errGone)
	}
}

func TestViolationsDoNotShareMemory(t *testing.T) {
	t.Parallel()
	base := errGone.At("/a", "1").At("/b", "2")
	left, right := base.At("/left", "3"), base.At("/right", "4")
	if left.Violations[2].Pointer != "/left" || right.Violations[2].Pointer != "/right" {
		t.Fatalf("two copies share one array: %v %v", left.Violations, right.Violations)
	}
}

func TestUnclassifiedErrorsAreInternalAndHidden(t *testing.T) {
	t.Parallel()
	f := fault.From(errors.New("password=hunter2"))
	if f.Kind != fault.Internal || f.Code != "internal" {
		t.Fatalf("got %v %q", f.Kind, f.Code)
	}
	if strings.Contains(f.Detail, "hunter2") {
		t.Fatal("the private text is public")
	}
	if fault.From(nil) != nil {
		t.Fatal("nil became a fault")
	}
}
