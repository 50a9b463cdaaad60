package audit

// Type says what was tried. It is the end of a NATS subject.
type Type string

// The types.
const (
	TokenIssue      Type = "token.issue"
	TokenRefresh    Type = "token.refresh"
	TokenRevoke     Type = "token.revoke"
	SessionEnd      Type = "session.end"         // one session
	UserEndSessions Type = "user.end_sessions"   // all of a subject's
	ClientEnd       Type = "client.end_sessions" // all of a client's
	CutOff          Type = "cut_off"             // everybody's before a time
	UserCreate      Type = "user.create"
	UserUpdate      Type = "user.update"
	UserPassword    Type = "user.password"
	ClientCreate    Type = "client.create"
	ClientUpdate    Type = "client.update"
	ClientSecret    Type = "client.rotate_secret"
	ClientRefused   Type = "client.refused" // its authentication failed
	ClerkNotice     Type = "clerk.notice"   // a webhook
	AccessRefused   Type = "access.refused" // a caller without the scope
	Read            Type = "audit.read"     // a page of this log
	Dropped         Type = "audit.dropped"  // entries that there was no room for
)

// types are all of them, for the filter of the query.
func types() []Type {
	return []Type{
		TokenIssue, TokenRefresh, TokenRevoke, SessionEnd, UserEndSessions, ClientEnd, CutOff, UserCreate, UserUpdate,
		UserPassword, ClientCreate, ClientUpdate, ClientSecret, ClientRefused, ClerkNotice, AccessRefused, Read, Dropped,
	}
}
