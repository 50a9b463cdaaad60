package clerk

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// routes are the Backend API, which wants the key and can be broken, the public
// key set of the issuer, and the interface for development.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for route, handle := range map[string]http.HandlerFunc{
		"GET /v1/jwks":                  s.getKeys,
		"GET /v1/sessions/{id}":         s.getSession,
		"POST /v1/sessions/{id}/revoke": s.revokeSession,
		"GET /v1/users/{id}":            s.getUser,
		"DELETE /v1/users/{id}":         s.deleteUser,
	} {
		mux.Handle(route, s.counted(route, s.breakable(s.authenticated(handle))))
	}
	for route, handle := range map[string]http.HandlerFunc{
		"GET /.well-known/jwks.json":  s.getKeys,
		"POST /dev/session-token":     s.devSessionToken,
		"POST /dev/sessions/{id}/end": s.devEndSession,
		"POST /dev/rotate-keys":       s.devRotateKeys,
	} {
		mux.Handle(route, s.counted(route, handle))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound(w) })
	return mux
}

func (s *Server) counted(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.count(route)
		next.ServeHTTP(w, r)
	})
}

func (s *Server) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[what]++
}

func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		presented, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(presented), []byte(s.opts.SecretKey)) != 1 {
			fail(w, http.StatusUnauthorized, "authentication_invalid", "Invalid authentication")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) getKeys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, s.keySet())
}

func (s *Server) getSession(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	held, ok := s.sessions[r.PathValue("id")]
	var found session
	if ok {
		found = *held
	}
	s.mu.Unlock()
	if !ok {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, found.public())
}

func (s *Server) revokeSession(w http.ResponseWriter, r *http.Request) {
	held, ok := s.setStatus(r.PathValue("id"), statusRevoked)
	if !ok {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, held.public())
}

func (s *Server) getUser(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.mu.Lock()
	banned, known := s.banned[id], false
	var created time.Time
	for _, held := range s.sessions {
		if held.user == id && (!known || held.created.Before(created)) {
			known, created = true, held.created
		}
	}
	s.mu.Unlock()
	if !known {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, publicUser(id, banned, created))
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !s.DeleteUser(id) {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, deletedUser{"user", id, true})
}

// answer writes JSON. A peer that has left is no concern of a stand-in.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

type apiError struct {
	Code        string `json:"code"`
	Message     string `json:"message"`
	LongMessage string `json:"long_message"`
}

type apiErrors struct {
	Errors  []apiError `json:"errors"`
	TraceID string     `json:"clerk_trace_id"`
}

func fail(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, apiErrors{[]apiError{{code, message, message}}, newID("trace")})
}

func notFound(w http.ResponseWriter) {
	fail(w, http.StatusNotFound, "resource_not_found", "Resource not found")
}
