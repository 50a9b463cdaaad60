package httpserver_test

import (
	"bufio"
	"net"
	"net/http"
	"testing"
)

func readRaw(t *testing.T, conn net.Conn) answer {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, resp)
}
