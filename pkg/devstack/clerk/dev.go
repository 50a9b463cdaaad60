package clerk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

const maxBody = 64 << 10

var errTrailing = errors.New("the body must be one JSON object")

// devSessionToken signs somebody in: {"user_id"?, "org_id"?, "org_role"?,
// "expires_in"?} gives {"jwt", "session_id", "user_id"}.
func (s *Server) devSessionToken(w http.ResponseWriter, r *http.Request) {
	wish, err := decodeWish(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		fail(w, http.StatusBadRequest, "request_body_invalid", err.Error())
		return
	}
	token, err := s.SessionToken(wish)
	if err != nil {
		fail(w, http.StatusUnprocessableEntity, "form_param_format_invalid", err.Error())
		return
	}
	answer(w, http.StatusOK, token)
}

// decodeWish takes an empty body for an empty object.
func decodeWish(body io.Reader) (Wish, error) {
	var w Wish
	data, err := io.ReadAll(body)
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return w, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&w); err != nil {
		return w, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return w, errTrailing
	}
	return w, nil
}

func (s *Server) devEndSession(w http.ResponseWriter, r *http.Request) {
	held, ok := s.setStatus(r.PathValue("id"), statusEnded)
	if !ok {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, held.public())
}

func (s *Server) devRotateKeys(w http.ResponseWriter, _ *http.Request) {
	id, err := s.RotateKeys()
	if err != nil {
		fail(w, http.StatusInternalServerError, "internal_error", err.Error())
		return
	}
	answer(w, http.StatusOK, map[string]string{"kid": id})
}
