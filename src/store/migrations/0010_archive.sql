-- The archive walks the issues of one list from the newest down.
CREATE INDEX issues_by_list ON issues (list, id);
