-- read_contacts: whole contacts
SELECT id, email, name, phone, anonymous, version, created_at, updated_at
  FROM contacts WHERE account_id = $1 AND id = ANY ($2)
